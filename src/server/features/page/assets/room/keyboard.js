// The keyboard of a phone.

/** It covers the page, or pushes it up: `--seen` is as high as what is left of it. */
export function fitKeyboard() {
  const { visualViewport: seen } = window;
  if (!seen) return;
  const fit = () => {
    const isSmaller = seen.scale === 1 && seen.height < window.innerHeight - 1;
    document.documentElement.style.setProperty("--seen", isSmaller ? `${seen.height}px` : "100dvh");
    if (isSmaller) window.scrollTo(0, 0);
  };
  seen.addEventListener("resize", fit);
  fit();
}
