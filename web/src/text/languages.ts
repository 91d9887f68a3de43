/** The languages of the pages, each by its own name. */
export const choices: Record<string, string> = { en: 'English', id: 'Bahasa Indonesia', ar: 'العربية' };
