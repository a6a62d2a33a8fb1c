// What checks a form before it is sent. It is large, and so fetched by itself: see `withContract` in forms.ts.
export { routes, validate } from '@tocsin/api'
