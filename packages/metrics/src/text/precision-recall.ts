/** Precision, recall and their F value; between 0 and 1, or in percent where a result says so. */
export interface PrecisionRecall {
  readonly precision: number
  readonly recall: number
  readonly f: number
}
