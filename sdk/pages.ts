// Lists, page by page, as one sequence.

/** Which page, in the words of every list request. */
export interface Page {
  pageSize: number;
  pageToken: string;
}

/** Rows to a page. Larger pages save round trips; smaller ones answer sooner. */
const pageSize = 100;

/** Every row of a list; the next page is asked for when the reader gets there. */
export async function* pages<Row>(
  load: (page: Page) => Promise<{ rows: readonly Row[]; nextPageToken: string }>,
): AsyncGenerator<Row, void, undefined> {
  let pageToken = "";
  do {
    const { rows, nextPageToken } = await load({ pageSize, pageToken });
    yield* rows;
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

/** A whole list at once. */
export async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const array: Row[] = [];
  for await (const row of rows) array.push(row);
  return array;
}
