// Every limit of workflows, expressions and schemas, with its unit and its reason. Nothing else in this room holds one.

export const limits = {
  /** A workflow is written by people; 256 KiB is a thousand screens of it, and parses in tens of milliseconds. */
  sourceBytesMax: 256 * 1024,
  /** Deeper YAML or JSON than this is nobody's workflow, and recursion over it stays far from the stack's end. */
  sourceDepthMax: 64,
  /** Problems reported at once: enough to work with, and a hostile source cannot make a huge answer. */
  problemsMax: 100,

  /** Steps in one program, those of called workflows included. */
  stepsMax: 500,
  /** `foreach` in `foreach`, and `call` in `call`. */
  nestingMax: 8,
  /** Items of a `foreach`, and of a list that an expression walks. */
  itemsMax: 1000,
  /** Commands of one attempt (G6): at ten a second this is a quarter of an hour. */
  commandsPerAttemptMax: 10_000,
  /** Steps considered in one attempt, sent or skipped: nested loops whose every step is skipped must end too (G6). */
  stepsConsideredMax: 50_000,
  /** A program that embeds what it calls, as JSON: one jsonb column. */
  programBytesMax: 4 * 1024 * 1024,

  /** Pictures in one command: 3 of 256 KiB fit the channel's 1 MiB message, a fourth would not. */
  imagesPerCommandMax: 3,
  conditionsMax: 32,

  /** Characters of one expression. */
  expressionCharsMax: 1024,
  /** Nodes of its tree, macros expanded. */
  expressionNodesMax: 300,
  expressionDepthMax: 32,
  /** Comprehensions (`all`, `exists`, `map`, `filter`) inside each other. */
  comprehensionDepthMax: 2,
  /** Work of one evaluation. A unit is one call, one turn of a loop or 16 characters handled: about a microsecond. */
  workPerExpressionMax: 50_000,
  /** Work of all the expressions between two commands. */
  workPerStepMax: 200_000,
  /** A text that an expression makes on its way; a list's length likewise. */
  madeCharsMax: 1024 * 1024,

  /** A regular expression's own length. */
  patternCharsMax: 256,
  patternsPerExpressionMax: 8,
  /** Characters of the text times instructions of the pattern: linear, and about 20 ns each. */
  patternWorkMax: 2_000_000,

  /** Text that is typed or pasted, and one argument of a command. */
  typedBytesMax: 64 * 1024,
  /** All arguments of a command together. */
  argumentsBytesMax: 128 * 1024,
  argumentsMax: 64,
  /** As in the protocol: window titles and texts to find. */
  titleBytesMax: 2048,
  /** As in the protocol: process names and window classes. */
  nameBytesMax: 256,
  chordCharsMax: 64,
  /** How long it is tried to find out by `verify` whether a commit took hold, when it is not said. */
  verifyWithinMs: 10 * 60_000,
  /** What is read during an attempt and kept for expressions, and what `result` makes. */
  keptBytesMax: 1024 * 1024,

  /** The inputs or outputs schema. */
  schemaBytesMax: 64 * 1024,
  /** Its subschemas with every `$ref` replaced by what it names: chains of references grow exponentially. */
  schemaNodesMax: 2000,
  /** Values of the checked document times subschemas. */
  schemaWorkMax: 20_000_000,
  /** Longest array for which `uniqueItems` may compare each with each. */
  uniqueItemsMax: 1000,
  /** Longest text that is checked against a `format`; longer ones do not fit it. */
  formatCharsMax: 2048,
  /** Compiled schemas, patterns and expressions kept for the next time, each. */
  cacheEntriesMax: 500,

  /** A step's time when it says nothing. */
  stepTimeoutMs: 30_000,
  stepTimeoutMaxMs: 60 * 60_000,
  /** A pause is the last resort. */
  pauseMaxMs: 5 * 60_000,
  /** A run's time when the workflow says nothing. */
  runTimeoutMs: 10 * 60_000,
  runTimeoutMaxMs: 24 * 60 * 60_000,
  /** How long a run may wait for a machine when nothing is said. */
  queueMs: 60 * 60_000,
  /** Attempts of a run when its workflow does not say: one more, on another machine, while nothing is committed (G4). */
  attempts: 2,
  queueMaxMs: 7 * 24 * 60 * 60_000,
  runAttemptsMax: 10,
  stepAttemptsMax: 10,
  retryDelayMs: 500,
  retryDelayMaxMs: 60_000,
  /** Higher runs first; the middle is 0. */
  priorityMax: 100,
  launchTimeoutMs: 30_000,
} as const;
