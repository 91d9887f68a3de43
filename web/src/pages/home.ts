import { mount } from 'svelte';
import '../styles/app.css';
import HomePage from '../home/HomePage.svelte';
import { boot } from '../lib/boot';
import type { Channel } from '../lib/types';

const { data, sandbox } = boot<{ channels: Channel[] }>();

mount(HomePage, { target: document.getElementById('app')!, props: { first: data?.channels ?? null, sandbox } });
