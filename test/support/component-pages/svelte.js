/** A page of somebody who uses Svelte: state as properties, events as handlers. */
import { mount } from 'svelte';
import Page from './Page.svelte';

const patients = await (await fetch('/patients')).json();
mount(Page, { target: document.getElementById('page'), props: { patients } });
