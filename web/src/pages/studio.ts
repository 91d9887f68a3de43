import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import type { Me } from '../lib/types';
import StudioPage from '../studio/StudioPage.svelte';

const { sandbox, data } = boot<{ me: Me | null }>();

mount(StudioPage, { target: document.getElementById('app')!, props: { sandbox, first: data?.me ?? null } });
