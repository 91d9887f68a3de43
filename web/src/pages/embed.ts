import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import { session } from '../lib/session';
import type { Channel } from '../lib/types';
import LivePage from '../viewer/LivePage.svelte';

const { sandbox, data } = boot<Channel>();

session.carry();
mount(LivePage, { target: document.getElementById('app')!, props: { channel: data!, sandbox, embedded: true } });
