import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import type { Me } from '../lib/types';
import StudioPage from '../studio/StudioPage.svelte';
import { studio } from '../text/en.studio';
import { learn } from '../text/t';

const { sandbox, data } = boot<{ me: Me | null }>();

learn(studio);
mount(StudioPage, { target: document.getElementById('app')!, props: { sandbox, first: data?.me ?? null } });
