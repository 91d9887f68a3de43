import { ApiError } from './api';
import { t } from '../text/t';

/** How one may sign in by this page's address. */
export type Ways = { passkey: boolean; link: boolean; setup: boolean };

/** What to tell somebody whose call failed. */
export function sentence(err: unknown): string {
  return err instanceof ApiError ? err.detail || t('app.error') : t('app.no_answer');
}
