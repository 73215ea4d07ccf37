// The grammar of filters: from tokens to syntax, with Milvus's precedence.
import {
  EmbeddedActionsParser,
  EOF,
  type IParserErrorMessageProvider,
  type IToken,
  type ParserMethod,
  type TokenType,
} from "chevrotain";
import type { CompareOperator } from "./filter.js";
import {
  type FieldSyntax,
  type LiteralSyntax,
  type LiteralType,
  type Problem,
  problem,
  type Syntax,
  shown,
} from "./syntax.js";
import * as t from "./tokens.js";

type Rule<T> = ParserMethod<[], T>;

function found(token: IToken): string {
  return token.tokenType === EOF ? "the filter ends" : `found '${shown(token.image)}'`;
}

const afterCondition = "expected 'and', 'or'";

function expectedText(expected: TokenType, previous: IToken, rule: string): string {
  if (expected === t.CloseParenthesis) return `${afterCondition} or ')'`;
  if (rule !== "list" || expected !== t.CloseBracket) return `expected ${expected.LABEL}`;
  const wantsTerm = previous.tokenType === t.Comma || previous.tokenType === t.OpenBracket;
  return wantsTerm ? "expected a constant or ']'" : "expected ',' or ']'";
}

const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual, previous, ruleName }) =>
    `${expectedText(expected, previous, ruleName)}, but ${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) =>
    `${afterCondition} or the end, but ${found(firstRedundant)}`,
  buildNoViableAltMessage: ({ actual, customUserDescription }) =>
    `expected ${customUserDescription ?? "a condition"}, but ${found(actual[0] as IToken)}`,
  buildEarlyExitMessage: ({ actual, customUserDescription }) =>
    `expected ${customUserDescription ?? "a condition"}, but ${found(actual[0] as IToken)}`,
};

/**
 * From the loosest to the tightest: or, and, comparison, in, not, like and is null. So `not` binds
 * tighter than comparisons and `in`, as in Milvus. Chains of `or` and `and` are loops and give one
 * node each, however long; only parentheses recurse.
 */
class FilterParser extends EmbeddedActionsParser {
  constructor() {
    super(t.tokens, { maxLookahead: 2, errorMessageProvider: messages });
    this.performSelfAnalysis();
  }

  readonly disjunction: Rule<Syntax> = this.RULE("disjunction", (): Syntax => {
    const first = this.SUBRULE(this.conjunction);
    const terms = [first];
    this.MANY(() => {
      this.CONSUME(t.Or);
      terms.push(this.SUBRULE2(this.conjunction));
    });
    return terms.length === 1 ? first : { kind: "or", terms, offset: first.offset };
  });

  private readonly conjunction: Rule<Syntax> = this.RULE("conjunction", (): Syntax => {
    const first = this.SUBRULE(this.comparison);
    const terms = [first];
    this.MANY(() => {
      this.CONSUME(t.And);
      terms.push(this.SUBRULE2(this.comparison));
    });
    return terms.length === 1 ? first : { kind: "and", terms, offset: first.offset };
  });

  private readonly comparison: Rule<Syntax> = this.RULE("comparison", () => {
    let syntax = this.SUBRULE(this.membership);
    this.OPTION(() => {
      const left = syntax;
      const operator = this.CONSUME(t.CompareSign).image as CompareOperator;
      const right = this.SUBRULE2(this.membership);
      syntax = { kind: "compare", left, operator, right, offset: left.offset };
    });
    return syntax;
  });

  private readonly membership: Rule<Syntax> = this.RULE("membership", () => {
    let syntax = this.SUBRULE(this.negation);
    this.OPTION(() => {
      const left = syntax;
      const negated = this.OPTION1(() => this.CONSUME(t.NotWord)) !== undefined;
      this.CONSUME(t.In);
      const values = this.SUBRULE(this.list);
      syntax = { kind: "in", left, values, negated, offset: left.offset };
    });
    return syntax;
  });

  private readonly negation: Rule<Syntax> = this.RULE("negation", () => {
    const offsets: number[] = [];
    this.MANY(() => {
      const sign = this.OR([
        { ALT: () => this.CONSUME(t.NotWord) },
        { ALT: () => this.CONSUME(t.NotSign) },
      ]);
      offsets.push(sign.startOffset);
    });
    const operand = this.SUBRULE(this.test);
    return offsets.reduceRight<Syntax>(
      (inner, offset) => ({ kind: "not", operand: inner, offset }),
      operand,
    );
  });

  private readonly test: Rule<Syntax> = this.RULE("test", () => {
    let syntax = this.SUBRULE(this.primary);
    this.OPTION(() => {
      const left = syntax;
      const { offset } = left;
      syntax = this.OR<Syntax>([
        {
          ALT: () => {
            this.CONSUME(t.Like);
            const text = this.CONSUME(t.Text);
            return { kind: "like", left, pattern: literal("string", text), offset };
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.Is);
            const negated = this.OPTION1(() => this.CONSUME(t.NotWord)) !== undefined;
            this.CONSUME(t.Null);
            return { kind: "is", left, negated, offset };
          },
        },
      ]);
    });
    return syntax;
  });

  private readonly primary: Rule<Syntax> = this.RULE("primary", () =>
    this.OR<Syntax>({
      ERR_MSG: "a field, a constant, 'not' or '('",
      DEF: [
        {
          ALT: () => {
            this.CONSUME(t.OpenParenthesis);
            const inner = this.SUBRULE(this.disjunction);
            this.CONSUME(t.CloseParenthesis);
            return inner;
          },
        },
        { ALT: () => this.SUBRULE(this.field) },
        { ALT: () => this.SUBRULE(this.constant) },
      ],
    }),
  );

  private readonly field: Rule<FieldSyntax> = this.RULE("field", (): FieldSyntax => {
    const name = this.CONSUME(t.Identifier);
    const path: LiteralSyntax[] = [];
    this.MANY(() => {
      this.CONSUME(t.OpenBracket);
      path.push(this.SUBRULE(this.step));
      this.CONSUME(t.CloseBracket);
    });
    return { kind: "field", name: name.image, path, offset: name.startOffset };
  });

  private readonly step: Rule<LiteralSyntax> = this.RULE("step", () =>
    this.OR({
      ERR_MSG: "a key in quotes or the number of an element",
      DEF: [
        { ALT: () => literal("string", this.CONSUME(t.Text)) },
        { ALT: () => literal("integer", this.CONSUME(t.Integer)) },
      ],
    }),
  );

  private readonly list: Rule<readonly LiteralSyntax[]> = this.RULE("list", () => {
    const values: LiteralSyntax[] = [];
    let open = true;
    this.CONSUME(t.OpenBracket);
    this.MANY({
      GATE: () => open,
      DEF: () => {
        values.push(this.SUBRULE(this.constant));
        open = this.OPTION(() => this.CONSUME(t.Comma)) !== undefined;
      },
    });
    this.CONSUME(t.CloseBracket);
    return values;
  });

  private readonly constant: Rule<LiteralSyntax> = this.RULE("constant", () =>
    this.OR<LiteralSyntax>({
      ERR_MSG: "a constant",
      DEF: [
        { ALT: () => this.SUBRULE(this.number) },
        { ALT: () => literal("string", this.CONSUME(t.Text)) },
        { ALT: () => literal("boolean", this.CONSUME(t.BooleanWord)) },
        { ALT: () => literal("null", this.CONSUME(t.Null)) },
      ],
    }),
  );

  private readonly number: Rule<LiteralSyntax> = this.RULE("number", () => {
    let minus: IToken | undefined;
    this.OPTION(() => {
      this.OR([
        { ALT: () => (minus = this.CONSUME(t.Minus)) },
        { ALT: () => this.CONSUME(t.Plus) },
      ]);
    });
    return this.OR1<LiteralSyntax>({
      ERR_MSG: "a number",
      DEF: [
        { ALT: () => literal("integer", this.CONSUME(t.Integer), minus) },
        { ALT: () => literal("float", this.CONSUME(t.Float), minus) },
      ],
    });
  });
}

function literal(type: LiteralType, token: IToken, minus?: IToken): LiteralSyntax {
  const { startOffset: offset, image: text } = token;
  return { kind: "literal", type, text, negative: minus !== undefined, offset };
}

const parser = new FilterParser();

/** What was probably meant by a word that stands where a condition should have ended. */
const strayHints: ReadonlyMap<TokenType, string> = new Map([
  [t.CompareSign, "comparisons do not chain: join two with 'and'"],
  [t.OpenParenthesis, "there are no functions in filters"],
  [t.Plus, "there is no arithmetic in filters"],
  [t.Minus, "there is no arithmetic in filters"],
  [t.Equals, "equality is written =="],
]);
const keyword = /^(?:and|or|not|in|like|is|null)$/i;

function hintFor(token: IToken, message: string): string | undefined {
  if (message.startsWith(afterCondition)) {
    const isMixedCase = token.tokenType === t.Identifier && keyword.test(token.image);
    if (isMixedCase) return "keywords are all lower or all upper case";
    return strayHints.get(token.tokenType);
  }
  if (token.tokenType === t.Like) return "write not (field like ...)";
  return token.tokenType === t.OpenParenthesis ? "a list stands in brackets" : undefined;
}

/** The parser is one for all: parsing is synchronous, and setting its input resets it. */
export function parseSyntax(tokens: readonly IToken[], length: number): Syntax | Problem {
  parser.input = tokens as IToken[];
  const syntax = parser.disjunction();
  const error = parser.errors[0];
  if (error === undefined) return syntax;
  const { token, message } = error;
  const offset = token.tokenType === EOF ? length : token.startOffset;
  return problem(offset, message, hintFor(token, message));
}
