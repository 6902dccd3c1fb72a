/** @returns whether something could be an e-mail address; whether it is one, only a mail server knows */
export function isMailAddress(value: string): boolean {
  return value.length <= 254 && /^[^\s@()<>,;:"\\[\]]+@[^\s@()<>,;:"\\[\]]+$/.test(value);
}

export function isSmtpUrl(value: string): boolean {
  const url = URL.parse(value);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '' || !/^\/?$/.test(url.pathname))
    return false;
  try {
    decodeURIComponent(url.username + url.password);
  } catch {
    return false;
  }
  return url.search === '' || (url.protocol === 'smtp:' && url.search === '?tls=off');
}
