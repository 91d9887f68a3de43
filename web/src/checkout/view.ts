import type { Problem, State } from '../lib/checkout';

/** What the sheet shows: one component each. `nothing` is a purchase whose product is not known yet. */
export type View = 'details' | 'method' | 'bank' | 'paid' | 'pending' | 'checking' | 'review' | 'nothing';

/** What the page knows beside the purchase itself. */
export type Facts = {
  hasDetails: boolean;
  hasMethod: boolean;
  /** The form the buyer opened by themselves. */
  editing: 'details' | 'method' | null;
  /** The product and its price can be shown. */
  known: boolean;
};

export function problemOf(step: State): Problem | null {
  return step.at === 'review' ? step.problem : null;
}

/** What has to be asked for before the button can pay: never given, or found missing by the server. */
export function missing(step: State, facts: Facts): 'details' | 'method' | null {
  const problem = problemOf(step);
  const code = problem?.kind === 'refused' ? problem.code : '';
  if (!facts.hasDetails || code === 'address_missing') return 'details';
  if (!facts.hasMethod || code === 'payment_method_missing') return 'method';
  return null;
}

/** The one place that decides what the sheet shows. */
export function viewOf(step: State, facts: Facts): View {
  switch (step.at) {
    case 'closed':
      return 'nothing';
    case 'action':
      return 'bank';
    case 'paid':
    case 'pending':
      return step.at;
    case 'review': {
      const form = facts.editing ?? missing(step, facts);
      if (form) return form;
    }
  }
  if (!facts.known) return 'nothing';
  return step.at === 'checking' ? 'checking' : 'review';
}
