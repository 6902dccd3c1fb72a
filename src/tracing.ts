/**
 * Traces for OpenTelemetry: spans of requests, of runs and of their steps. Without an SDK, which whoever wants traces loads before us
 * (`NODE_OPTIONS=--import …`), the interface does nothing. Ids, routes, counts and codes only.
 */
import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RunResult } from './engine/run-session.ts';
import type { Connection } from './runs/connections.ts';

const tracer = () => trace.getTracer('chartsync');

/** One span for each request, named by its route: a URL would carry patients' ids. */
export function traceRequests(app: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, Span>();
  app.addHook('onRequest', async (request) => {
    const route = request.routeOptions.url ?? 'none';
    const attributes = { 'http.request.method': request.method, 'http.route': route, 'request.id': request.id };
    spans.set(request, tracer().startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }));
  });
  app.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
  });
}

export interface RunTraces {
  begin(connection: Connection, runId: string): void;
  /** Each step is a child of its run's span. */
  progress(progress: { readonly runId: string; readonly step: string }): void;
  end(result: RunResult): void;
}

export function createRunTraces(): RunTraces {
  const spans = new Map<string, { readonly run: Span; step: { readonly name: string; readonly span: Span } | null }>();
  return {
    begin(connection, runId) {
      const attributes = {
        'chartsync.organization': connection.organizationId,
        'chartsync.connection': connection.id,
        'chartsync.connector': connection.connector,
        'chartsync.run': runId,
      };
      spans.set(runId, { run: tracer().startSpan('run', { attributes }), step: null });
    },
    progress({ runId, step: name }) {
      const spansOf = spans.get(runId);
      if (spansOf === undefined || spansOf.step?.name === name) return;
      spansOf.step?.span.end();
      const attributes = { 'chartsync.run': runId, 'chartsync.step': name };
      spansOf.step = {
        name,
        span: tracer().startSpan('step', { attributes }, trace.setSpan(context.active(), spansOf.run)),
      };
    },
    end(result) {
      const spansOf = spans.get(result.runId);
      if (spansOf === undefined) return;
      spans.delete(result.runId);
      spansOf.step?.span.end();
      const span = spansOf.run;
      span.setAttributes({ 'chartsync.state': result.state, 'chartsync.outcome': result.outcome });
      for (const [name, count] of Object.entries(result.counts)) span.setAttribute(`chartsync.items.${name}`, count);
      if (result.error !== null) {
        span.setAttribute('error.type', result.error.code);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}
