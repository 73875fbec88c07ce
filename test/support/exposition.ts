// Reads the text format of Prometheus, as far as tests need it.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Exposition {
  readonly text: string;
  readonly samples: readonly Sample[];
  /** Of the metrics, by name: the histograms' without `_bucket`. */
  readonly types: ReadonlyMap<string, string>;

  constructor(text: string) {
    this.text = text;
    this.types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]));
    this.samples = [...text.matchAll(/^([a-z_:]\w*)(?:\{(.*)\})? (\S+)$/gm)].map(
      ([, name = "", labels = "", value]) => ({
        name,
        labels: Object.fromEntries(
          [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text]),
        ),
        value: Number(value),
      }),
    );
  }

  /** The sum of the samples of this name that have these labels; undefined when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.all(name, labels);
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
  }

  all(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    const wanted = Object.entries(labels);
    return this.samples.filter(
      (each) => each.name === name && wanted.every(([key, value]) => each.labels[key] === value),
    );
  }

  /** Samples other than 0, by their labels in words. */
  counts(name: string): Record<string, number> {
    const found = this.all(name).filter(({ value }) => value !== 0);
    return Object.fromEntries(
      found.map(({ labels, value }) => [Object.values(labels).filter(Boolean).join(" "), value]),
    );
  }
}
