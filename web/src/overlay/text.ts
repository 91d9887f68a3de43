/** The few words on the overlay, in the languages of the pages. */
type Words = { dir: 'ltr' | 'rtl'; left(n: number): string; soldOut: string; sold(n: number, title: string): string; scan: string };

const languages: Record<string, Words> = {
  en: {
    dir: 'ltr',
    left: (n) => `${n} left`,
    soldOut: 'Sold out',
    sold: (n, title) => (n === 1 ? `Sold: ${title}` : `Sold: ${n} × ${title}`),
    scan: 'Scan to buy',
  },
  id: {
    dir: 'ltr',
    left: (n) => `Sisa ${n}`,
    soldOut: 'Habis',
    sold: (n, title) => (n === 1 ? `Terjual: ${title}` : `Terjual: ${n} × ${title}`),
    scan: 'Pindai untuk beli',
  },
  ar: {
    dir: 'rtl',
    left: (n) => `بقي ${n}`,
    soldOut: 'نفدت الكمية',
    sold: (n, title) => (n === 1 ? `بيع: ${title}` : `بيع: ${n} × ${title}`),
    scan: 'امسح للشراء',
  },
};

export const languageOf = (name: string | null): string => (name && name in languages ? name : 'en');
export const wordsOf = (language: string): Words => languages[languageOf(language)]!;
