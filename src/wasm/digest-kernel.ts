// The compiled digest kernel, written by `scripts/build-kernel.ts`: do not edit.
export const digestKernel = [
  "AGFzbQEAAAABCQFgBH9/fH8BfgIPAQNlbnYGbWVtb3J5AgAAAwIBAAcTAgZkaWdlc3QAAAZtZW1vcnkCAAqdAgGaAgIC",
  "fgF/IAK9IQUDQCABIAZLBEAgBCAAIAZBA3RqKQMAQs/W077Sx6vZQn5CH4lCh5Wvr5i23puef35C3c/ZsvHluuonhUIb",
  "iUKHla+vmLbem55/fkKdo7Xqg7GNivoAfSAFQs/W077Sx6vZQn5CH4lCh5Wvr5i23puef36FQhuJQoeVr6+Ytt6bnn9+",
  "Qp2jteqDsY2K+gB9IAMgBmqtQoCAgIAQhELP1tO+0ser2UJ+Qh+JQoeVr6+Ytt6bnn9+hUIbiUKHla+vmLbem55/fkKd",
  "o7Xqg7GNivoAfSIEIARCIYiFQs/W077Sx6vZQn4iBCAEQh2IhUL5893xmfaZqxZ+IgQgBEIgiIV8IQQgBkEBaiEGDAEL",
  "CyAECw==",
].join("");
