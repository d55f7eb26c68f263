export { type ExactOptions, exact, type MinhashStepOptions, minhash } from './steps'
export { type SubstringStepOptions, substring } from './substring-step'
