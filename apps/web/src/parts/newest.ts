/** A record that was picked from a list, as the list has it now; as it was where somebody has removed it meanwhile. */
export function newestOf<R extends { readonly id: string }>(list: readonly R[] | undefined, picked: R): R {
  return list?.find(one => one.id === picked.id) ?? picked
}
