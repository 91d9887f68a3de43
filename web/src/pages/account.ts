import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import type { Ways } from '../lib/doors';
import type { Me } from '../lib/types';
import AccountPage from '../account/AccountPage.svelte';

const { data } = boot<{ me: Me | null; ways: Ways }>();

mount(AccountPage, { target: document.getElementById('app')!, props: { first: data?.me ?? null, ways: data!.ways } });
