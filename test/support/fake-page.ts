/** Runs in the page before the window: puts the fake application where the real one would be. */
import type { Bridge } from '../../src/shared/bridge/contract.ts';
import { FakeBridge } from './fake-bridge.ts';
import { isScenario, scenarios } from './fake-scenarios.ts';

const name = new URLSearchParams(location.search).get('scenario') ?? 'main';
if (!isScenario(name)) throw new Error(`unknown scenario ${name}`);

const fake = new FakeBridge(scenarios[name]());
const bridge: Bridge = {
  call: (command, args) => fake.call(command, args),
  subscribe: (listener) => fake.subscribe(listener),
};
Object.assign(window, { bothy: bridge, fake });
