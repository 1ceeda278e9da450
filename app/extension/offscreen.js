// Chromium's hidden document: there a service worker cannot run the network.

import { answers } from "./judge.js";
import { listen } from "./messages.js";

listen("judge", answers);
