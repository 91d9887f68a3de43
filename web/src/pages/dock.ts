import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import { adopt } from '../lib/session';
import type { Me } from '../lib/types';
import StudioPage from '../studio/StudioPage.svelte';

const { id, sandbox, data } = boot<{ me: Me | null }>();

adopt();
mount(StudioPage, { target: document.getElementById('app')!, props: { sandbox, first: data?.me ?? null, dock: id! } });
