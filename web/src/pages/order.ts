import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import { adopt } from '../lib/session';
import OrderPage from '../order/OrderPage.svelte';

const { id, sandbox } = boot<never>();

adopt();
mount(OrderPage, { target: document.getElementById('app')!, props: { id: id!, sandbox } });
