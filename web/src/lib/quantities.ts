/** Numbers as people write them. */
export function number(value: number): string {
  return value.toLocaleString('en');
}

export function many(count: number, one: string, other = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : other}`;
}
