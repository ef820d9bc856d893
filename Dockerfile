# The image runs any command of the CLI: `docker run textyard migrate`, `… worker`, `… start` (default).
# Settings: DATABASE_URL, and a textyard.config.ts mounted to /app/textyard.config.ts.
FROM node:24-slim AS build
WORKDIR /app
# What `npm ci` needs, its prepare script included, so that this layer is only made again when it changes.
COPY package.json package-lock.json prisma.config.ts ./
COPY prisma ./prisma
COPY scripts ./scripts
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
# The embedded PostgreSQL is an optional dependency; here DATABASE_URL is always given.
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/prisma ./prisma
COPY --from=build /app/dist ./dist
USER node
# The server listens on 127.0.0.1 unless TEXTYARD_HTTP_HOST says otherwise; compose sets it.
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.TEXTYARD_HTTP_PORT || 8080}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Stop with at least 30 s of grace: calls under way get worker.shutdownSeconds (20) to finish.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/cli/textyard.js"]
CMD ["start"]
