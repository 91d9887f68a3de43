/**
 * The browser's side of passkeys (WebAuthn 3). The options come as JSON and the answer leaves as JSON, by hand: the
 * browser inside streaming programs is older than its own functions for that.
 */
import { post } from './api';

type Begun = { challenge: string; options: { publicKey: any } };

/** True where a page may use passkeys at all: the server knows whether the address is one for them. */
export const passkeysHere = () => typeof PublicKeyCredential === 'function' && window.isSecureContext;

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

export function toBase64(bytes: ArrayBuffer): string {
  let plain = '';
  for (const b of new Uint8Array(bytes)) plain += String.fromCharCode(b);
  return btoa(plain).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

const listed = (all: any[] | undefined) => all?.map((c) => ({ ...c, id: fromBase64(c.id) }));

function answer(credential: PublicKeyCredential, response: Record<string, unknown>) {
  return {
    id: credential.id,
    rawId: toBase64(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

/** Makes a passkey for who is signed in. Rejects with ApiError, NetworkError, or what the browser says. */
export async function makePasskey(name: string): Promise<void> {
  const { challenge, options } = await post<Begun>('/me/passkeys/begin');
  const asked = options.publicKey;
  const made = (await navigator.credentials.create({
    publicKey: {
      ...asked,
      challenge: fromBase64(asked.challenge),
      user: { ...asked.user, id: fromBase64(asked.user.id) },
      excludeCredentials: listed(asked.excludeCredentials),
    },
  })) as PublicKeyCredential;
  const response = made.response as AuthenticatorAttestationResponse;
  await post('/me/passkeys', {
    challenge,
    name,
    credential: answer(made, {
      clientDataJSON: toBase64(response.clientDataJSON),
      attestationObject: toBase64(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    }),
  });
}

/** Signs in with whichever passkey its owner chooses; returns the session. */
export async function usePasskey(): Promise<{ token: string }> {
  const { challenge, options } = await post<Begun>('/sign-in/passkey/begin');
  const asked = options.publicKey;
  const used = (await navigator.credentials.get({
    publicKey: { ...asked, challenge: fromBase64(asked.challenge), allowCredentials: listed(asked.allowCredentials) },
  })) as PublicKeyCredential;
  const response = used.response as AuthenticatorAssertionResponse;
  return post<{ token: string }>('/sign-in/passkey', {
    challenge,
    credential: answer(used, {
      clientDataJSON: toBase64(response.clientDataJSON),
      authenticatorData: toBase64(response.authenticatorData),
      signature: toBase64(response.signature),
      userHandle: response.userHandle ? toBase64(response.userHandle) : undefined,
    }),
  });
}
