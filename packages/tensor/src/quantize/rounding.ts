/** 1.5 · 2⁵²: adding and taking it away again leaves no room for a fraction. */
const shift = 6755399441055744

/** The whole number nearest to `value`, ties to the even one, as numpy's `rint`; for |value| below 2⁵¹. */
export const roundHalfEven = (value: number): number => value + shift - shift
