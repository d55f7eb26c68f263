/** One sentence for each thing that is wrong with a lockfile (version 3), none when it is complete. */
export declare const lockfileProblems: (lock: {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>
}) => string[]
