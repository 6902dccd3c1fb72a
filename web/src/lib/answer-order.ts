/** Questions that may be on their way at the same time, and be answered in another order. */
export class AnswerOrder {
  #asked = 0;
  #shown = 0;

  /** @returns the number of a question */
  ask(): number {
    return ++this.#asked;
  }
  /** @returns false: a later question has been answered already, so this answer is old */
  accepts(question: number): boolean {
    if (question < this.#shown) return false;
    this.#shown = question;
    return true;
  }
}
