import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import type { Channel } from '../lib/types';
import LivePage from '../viewer/LivePage.svelte';

const { id, sandbox, data } = boot<Channel>();
// A program without boot data still has a page: the room's welcome fills in the rest.
const channel: Channel = data ?? { slug: id!, title: id!, live: false, viewers: 0, hls: `/hls/${id}/index.m3u8` };

mount(LivePage, { target: document.getElementById('app')!, props: { channel, sandbox } });
