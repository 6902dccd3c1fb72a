/** Light or dark, as the device says or as the person chose. */
export type Appearance = 'system' | 'light' | 'dark';
const CHOICE = 'chartsync.appearance';

function stored(): Appearance {
  const text = localStorage.getItem(CHOICE);
  return text === 'light' || text === 'dark' ? text : 'system';
}

class Theme {
  choice = $state<Appearance>(stored());

  apply(): void {
    const { dataset } = document.documentElement;
    if (this.choice === 'system') delete dataset.theme;
    else dataset.theme = this.choice;
  }
  choose(choice: Appearance): void {
    this.choice = choice;
    localStorage.setItem(CHOICE, choice);
    this.apply();
  }
}

export const theme = new Theme();
