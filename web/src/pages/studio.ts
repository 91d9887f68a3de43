import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import StudioPage from '../studio/StudioPage.svelte';
import { studio } from '../text/en.studio';
import { learn } from '../text/t';

const { sandbox } = boot<never>();

learn(studio);
mount(StudioPage, { target: document.getElementById('app')!, props: { sandbox } });
