import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import type { Me } from '../lib/types';
import NumbersPage from '../numbers/NumbersPage.svelte';

const { id, data } = boot<{ me: Me | null }>();

mount(NumbersPage, { target: document.getElementById('app')!, props: { show: id!, first: data?.me ?? null } });
