/** Where this script came from is where the service is, unless the page says otherwise. Only known while the script runs. */
const script = document.currentScript;

export const SERVER =
  script instanceof HTMLScriptElement && script.src !== '' ? new URL(script.src).origin : location.origin;
