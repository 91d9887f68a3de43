import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import ReplayPage from '../replay/ReplayPage.svelte';
import type { First } from '../replay/types';

const { sandbox, data } = boot<First>();

mount(ReplayPage, { target: document.getElementById('app')!, props: { ...data!, sandbox } });
