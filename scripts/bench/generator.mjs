/** A process of the load generator, spoken to by messages. */
import { fork } from 'node:child_process';
import { join } from 'node:path';

const PATIENCE_MS = 120_000;

export class Generator {
  #process = fork(join(import.meta.dirname, 'load.mjs'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });

  get pid() {
    return this.#process.pid;
  }

  connect(job) {
    return this.#ask({ kind: 'connect', ...job }, 'ready');
  }

  /** Publishes; resolves with what was sent when all of it is acknowledged. */
  go(job) {
    return this.#ask({ kind: 'go', ...job }, 'done');
  }

  report() {
    return this.#ask({ kind: 'report' }, 'report');
  }

  /** Ends the connections with DISCONNECT. */
  close() {
    return this.#ask({ kind: 'close' }, 'closed');
  }

  stop() {
    this.#process.kill();
  }

  #ask(message, answer) {
    return new Promise((resolve, reject) => {
      const settle = (finish, value) => {
        clearTimeout(late);
        this.#process.off('message', listen);
        this.#process.off('exit', gone);
        finish(value);
      };
      const listen = (reply) => {
        if (reply.kind === answer) settle(resolve, reply);
        else if (reply.kind === 'failed') settle(reject, new Error(reply.message));
      };
      const gone = () => settle(reject, new Error('the load generator has ended'));
      const late = setTimeout(
        () => settle(reject, new Error(`no ${answer} from the load generator`)),
        PATIENCE_MS,
      );
      this.#process.on('message', listen);
      this.#process.on('exit', gone);
      this.#process.send(message);
    });
  }
}
