/** "Mozilla/5.0 … Chrome/156.0 …" → "Chrome, Android": enough to recognise one's own device by. Empty for none of these. */
export function deviceName(agent: string): string {
  const first = (...pairs: [RegExp, string][]) => pairs.find(([pattern]) => pattern.test(agent))?.[1] ?? '';
  const browser = first([/OBS\//, 'OBS'], [/Edg\w*\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\/|FxiOS\//, 'Firefox'], [/Chrom\w*\/|CriOS\//, 'Chrome'], [/Safari\//, 'Safari']);
  const system = first([/iPhone/, 'iPhone'], [/iPad/, 'iPad'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X/, 'Mac'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux']);
  return [browser, system].filter(Boolean).join(', ');
}
