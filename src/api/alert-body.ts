/** An alert as it is asked for, checked: each mistake with its field. */
import { type AlertKind, USUAL_THRESHOLD, WITHOUT_CONNECTION } from '../domain/alerts.ts';
import type { Alert, AlertTarget } from '../ports/alert-store.ts';
import { HttpError } from './errors.ts';
import type { ApiServices } from './services.ts';

export interface AlertBody {
  name: string;
  kind: AlertKind;
  connection_id?: string | null;
  threshold?: number | null;
  remind_minutes?: number | null;
  enabled?: boolean;
  target: { channel: 'webhook'; url: string } | { channel: 'email'; recipients: string[] };
}

const DAY_MINUTES = 1440;
const MAIL = /^[^\s@()<>,;:"\\[\]]+@[^\s@()<>,;:"\\[\]]+$/;

/** @throws HttpError 400 naming every mistake; SyncError when there is no mail server */
export function alertFrom(
  services: Pick<ApiServices, 'alerts' | 'connections'>,
  organizationId: string,
  id: string,
  body: AlertBody,
): Alert {
  const { kind, connection_id: connectionId = null, threshold = null, remind_minutes: remind = DAY_MINUTES } = body;
  const mistakes: { field: string; message: string }[] = [];
  const mistake = (field: string, message: string) => mistakes.push({ field, message });
  if (body.name.trim() === '') mistake('name', 'expected some words');
  const known = services.connections.some((c) => c.organizationId === organizationId && c.id === connectionId);
  if (connectionId !== null && WITHOUT_CONNECTION.has(kind)) mistake('connection_id', `${kind} is about no connection`);
  else if (connectionId !== null && !known) mistake('connection_id', 'there is no such connection');
  const usual = USUAL_THRESHOLD[kind];
  if (threshold !== null && usual === undefined) mistake('threshold', `${kind} has none`);
  const target = targetOf(body, services.alerts.channels.webhook.refusal, mistake);
  if (mistakes.length > 0) {
    const message = mistakes.map((wrong) => `${wrong.field}: ${wrong.message}.`).join(' ');
    throw new HttpError(400, 'invalid_request', message, { validationErrors: mistakes });
  }
  return {
    id,
    organizationId,
    name: body.name.trim(),
    kind,
    connectionId,
    threshold: threshold ?? usual ?? null,
    remindMinutes: remind,
    enabled: body.enabled ?? true,
    target,
  };
}

function targetOf(
  { target }: AlertBody,
  refusal: (url: string) => string | null,
  mistake: (field: string, message: string) => void,
): AlertTarget {
  if (target.channel === 'webhook') {
    const reason = refusal(target.url);
    if (reason !== null) mistake('target.url', reason);
    return { channel: 'webhook', url: target.url };
  }
  const wrong = target.recipients.findIndex((address) => !MAIL.test(address));
  if (wrong >= 0) mistake('target.recipients', `number ${wrong + 1} is not an e-mail address`);
  return { channel: 'email', recipients: [...new Set(target.recipients)] };
}
