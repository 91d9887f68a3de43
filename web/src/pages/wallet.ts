import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import type { Me } from '../lib/types';
import WalletPage from '../wallet/WalletPage.svelte';

const { sandbox, data } = boot<{ me: Me | null }>();

mount(WalletPage, { target: document.getElementById('app')!, props: { me: data?.me ?? null, sandbox } });
