/** Set up for mutation testing: a property tries the same few inputs every time, so that a score can be repeated. */
import fc from 'fast-check';

fc.configureGlobal({ seed: 1 });
