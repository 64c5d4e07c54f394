// The types of what vendor/preact.js exports, as far as the page uses them.

export type Child = unknown;
export type Ref<T> = { current: T };
export function h(type: unknown, props: unknown, ...children: Child[]): Child;
export function html(strings: TemplateStringsArray, ...values: unknown[]): any;
export function render(child: Child, host: Element): void;
export const Fragment: unknown;
export function createRef<T>(): Ref<T | null>;
export class Component<P = {}, S = {}> {
  constructor(props?: P);
  props: P;
  state: S;
  setState(part: Partial<S>): void;
  shouldComponentUpdate(props: P, state: S): boolean;
  render(props: P, state: S): Child;
}
export function useState<T>(first: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useEffect(act: () => void | (() => void), on?: unknown[]): void;
export function useLayoutEffect(act: () => void | (() => void), on?: unknown[]): void;
export function useMemo<T>(make: () => T, on: unknown[]): T;
export function useRef<T>(first: T): Ref<T>;
export function useCallback<T>(make: T, on: unknown[]): T;
