export { pricedMicroUsd, type Tokens } from "./model-prices.js";
