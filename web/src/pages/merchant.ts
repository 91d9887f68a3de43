import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import type { Me } from '../lib/types';
import MerchantPage from '../merchant/MerchantPage.svelte';

const { sandbox, data } = boot<{ me: Me | null }>();

mount(MerchantPage, { target: document.getElementById('app')!, props: { sandbox, first: data?.me ?? null } });
