/** The records of a CSV text as they are written, line ends within quotes included (RFC 4180, section 2). */
export function records(text: string): string[] {
  return text.match(/(?:"(?:[^"]|"")*"|[^"\r\n])+/g) ?? [];
}

/** The header and those rows whose first cell is wanted, unchanged. */
export function pick(text: string, wanted: Set<string>): string {
  const [header = '', ...rows] = records(text);
  return [header, ...rows.filter((row) => wanted.has(row.slice(0, row.indexOf(','))))].map((row) => `${row}\r\n`).join('');
}

/** Hands a text to the browser as a file. */
export function save(text: string, name: string): void {
  const link = document.createElement('a');
  // Spreadsheets take a file without a byte order mark for one of their own code page.
  link.href = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
