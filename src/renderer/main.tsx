/** The window starts here: find the application, subscribe, draw. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './ui/base.css';
import { App } from './app.tsx';
import { NoBridge } from './features/onboarding/plain-screens.tsx';
import { findBridge } from './state/bridge.ts';
import { StoreContext } from './state/use-window.ts';
import { WindowStore } from './state/window-store.ts';
import { applyTheme, rememberedTheme } from './ui/theme.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('The page has no #root');

applyTheme(rememberedTheme());
const bridge = findBridge();
if (bridge === null) {
  createRoot(root).render(<NoBridge />);
} else {
  const store = new WindowStore(bridge);
  store.start();
  createRoot(root).render(
    <StrictMode>
      <StoreContext value={store}>
        <App />
      </StoreContext>
    </StrictMode>,
  );
}
