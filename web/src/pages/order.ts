import { mount } from 'svelte';
import '../styles/app.css';
import { boot } from '../lib/boot';
import OrderPage from '../order/OrderPage.svelte';

const { id, sandbox } = boot<never>();

mount(OrderPage, { target: document.getElementById('app')!, props: { id: id!, sandbox } });
