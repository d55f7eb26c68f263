export { type ExactOptions, exact, type MinhashStepOptions, minhash } from './steps'
