/** The present, for texts such as "4 min old": one timer for the tab. */
class Now {
  value = $state(Date.now());
  constructor() {
    setInterval(() => (this.value = Date.now()), 1000);
  }
}
export const now = new Now();
