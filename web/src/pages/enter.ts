import { mount } from 'svelte';
import '../styles/app.css';
import EnterPage from '../enter/EnterPage.svelte';

const token = decodeURIComponent(location.hash.slice(1));
// Out of the address bar, of the history and of what is shared from it.
history.replaceState(null, '', location.pathname + location.search);

mount(EnterPage, { target: document.getElementById('app')!, props: { token } });
